//! Does the demo show the main job?
