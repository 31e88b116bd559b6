//! Does each command do what its help says?
