//! How busy the processors are: whether the demo computes or waits.

use std::fs;
use std::time::Duration;

/// Linux counts processor time for `/proc` in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);
/// Where the times in user mode and in the kernel stand behind the command's name: fields 14 and 15 of proc(5).
const AFTER_NAME: std::ops::Range<usize> = 11..13;

/// The processor time of a process until now; none where the system does not tell.
pub fn time_of(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and parentheses.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = fields
        .get(AFTER_NAME)?
        .iter()
        .map(|field| field.parse::<u32>().ok());
    Some(TICK.saturating_mul(ticks.sum::<Option<u32>>()?))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn work_takes_processor_time() {
        let this = std::process::id();
        let before = time_of(this).unwrap();
        let started = Instant::now();
        while started.elapsed() < 5 * TICK {}
        assert!(time_of(this).unwrap() > before);
        assert_eq!(time_of(u32::MAX), None);
    }
}
