//! Do the states of messages move as they should, whenever the process dies?
//!
//! A reference says what every message's state is to be; the real store, on a real file, is taken through
//! the same steps, and after each of them both must agree. The invariants are asserted of the store by
//! itself, without asking the reference.

mod steps;
mod reference;
mod upkeep;
mod real;
mod invariants;

use proptest::test_runner::Config;
use proptest_state_machine::prop_state_machine;

use real::Real;

prop_state_machine! {
    #![proptest_config(Config {
        cases: if crate::support::long() { 5_000 } else { 150 },
        // Most steps mean nothing in most states.
        max_local_rejects: u32::MAX,
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn messages_move_as_the_model_says_whenever_the_process_dies(sequential 1..80 => Real<false>);

    #[test]
    fn messages_move_as_the_model_says_while_the_store_gets_one_secret_after_another(sequential 1..80 => Real<true>);
}
