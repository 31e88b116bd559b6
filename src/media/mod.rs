//! What is attached? Preflight, pages, signed links and their route.
