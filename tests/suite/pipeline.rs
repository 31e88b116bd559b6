//! Does a request become the right messages?
