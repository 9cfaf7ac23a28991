//! Work on many things at once, with outcomes in order: what comes of it does not depend on the number of threads.

/// Applies `work` to each item on up to `threads` threads; the outcomes in order.
pub fn in_parallel<T: Send, R: Send>(
    items: &mut [T],
    threads: usize,
    work: impl Fn(&mut T) -> R + Sync,
) -> Vec<R> {
    let share = items.len().div_ceil(threads.max(1)).max(1);
    if items.len() <= share {
        return items.iter_mut().map(work).collect();
    }
    std::thread::scope(|scope| {
        let work = &work;
        let shares = items.chunks_mut(share);
        let workers: Vec<_> = shares
            .map(|share| scope.spawn(move || share.iter_mut().map(work).collect::<Vec<R>>()))
            .collect();
        let outcomes = workers.into_iter().map(|worker| worker.join());
        // Parsing and verifying do not panic; if they did, this thread must not go on as if they had not run.
        outcomes
            .flat_map(|outcome| outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}
