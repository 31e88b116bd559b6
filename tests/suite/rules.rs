//! Do patterns and kinds pick the right events?
