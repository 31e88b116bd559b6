//! Do templates, conditions and filters do what the rule file says?
