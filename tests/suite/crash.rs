//! Is anything lost or sent twice when the process is killed?
