//! Is what users copy true?
