//! What do the admin pages show and refuse?
