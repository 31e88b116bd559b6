//! Is the sandbox as strict, as slow and as faulty as the real one?
