//! What does something cost the processor, whoever else is busy?

/// The time of the processor that a process took until now, or `thread-self`, in hundredths of a
/// second: until it is waited for, the system tells; 0 where it does not. Unlike the time on the wall
/// it says nothing of who else is busy.
pub(crate) fn ticks(whose: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{whose}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
    let number = |text: Option<&&str>| text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    number(fields.get(11)) + number(fields.get(12))
}

/// Does this work within so many hundredths of a second of the processor's time.
pub(crate) fn promptly<T>(what: &str, ticks_max: u64, work: impl FnOnce() -> T) -> T {
    let before = ticks("thread-self");
    let result = work();
    let took = ticks("thread-self") - before;
    assert!(took < ticks_max, "{what} took {took} hundredths of a second");
    result
}
