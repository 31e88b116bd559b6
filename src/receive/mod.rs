//! HTTP in: the route, its limits, and what the sender is answered.
