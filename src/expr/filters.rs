//! What can be done to a value in a template? One short function a filter.
