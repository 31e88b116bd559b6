//! Are events signed by the providers' own libraries accepted?
