//! Work on many things at once, with outcomes in order: what comes of it does not depend on the number of threads.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How many threads run at once here.
#[must_use]
pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Applies `work` to each item on up to `threads` threads (at least one), which take the next item whenever they are done with one; the
/// outcomes in the items' order.
///
/// # Panics
/// As `work` does: a panic goes on in the caller.
pub fn in_parallel<I, R: Send>(
    threads: usize,
    items: I,
    work: impl Fn(I::Item) -> R + Sync,
) -> Vec<R>
where
    I: IntoIterator<IntoIter: Send>,
{
    let items = items.into_iter();
    let threads = threads.min(items.size_hint().1.unwrap_or(usize::MAX));
    if threads <= 1 {
        return items.map(work).collect();
    }
    let waiting = Mutex::new(items.enumerate());
    let next = || {
        waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next()
    };
    let one = || {
        let mut done = Vec::new();
        while let Some((at, item)) = next() {
            done.push((at, work(item)));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        let joined = running
            .into_iter()
            .map(|one| one.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.flatten().collect::<Vec<_>>()
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_items_order_whatever_the_threads() {
        let items: Vec<u64> = (0..1000).collect();
        let squares: Vec<u64> = items.iter().map(|one| one * one).collect();
        for threads in [0, 1, 2, 7] {
            assert_eq!(in_parallel(threads, &items, |one| one * one), squares);
            assert_eq!(
                in_parallel(threads, items.clone(), |one| one * one),
                squares
            );
            assert!(in_parallel(threads, &items[..0], |one| one * one).is_empty());
        }
    }

    #[test]
    #[should_panic(expected = "seventh")]
    fn a_panic_is_not_lost() {
        in_parallel(3, &[0, 7, 9], |one| assert_ne!(*one, 7, "seventh"));
    }
}
