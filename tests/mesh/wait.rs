//! Waiting for what will be so, with a deadline.

use std::time::{Duration, Instant};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until a probe finds something. Panics with `what` after the deadline.
pub fn within<T>(deadline: Duration, what: &str, probe: impl FnMut() -> Option<T>) -> T {
    found_within(deadline, probe).unwrap_or_else(|| panic!("not within {deadline:?}: {what}"))
}

/// Waits until a probe finds something; none if it does not in time.
pub fn found_within<T>(deadline: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        let found = probe();
        if found.is_some() || start.elapsed() >= deadline {
            return found;
        }
        std::thread::sleep(PAUSE);
    }
}
