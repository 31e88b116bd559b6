//! Can what is in deploy/ be used?
