//! Where heavy cryptography runs: a bounded number of threads and a bounded queue before them.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::error::ApiError;

/// Runs closures on the runtime's blocking threads, so many at a time.
#[derive(Debug, Clone)]
pub struct WorkPool {
    /// Running and waiting.
    admitted: Arc<Semaphore>,
    /// Running.
    running: Arc<Semaphore>,
}

impl WorkPool {
    /// `threads` at a time (0: one for each processor), `queue` more may wait.
    pub fn new(threads: usize, queue: usize) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if threads == 0 { processors } else { threads };
        Self {
            admitted: Arc::new(Semaphore::new(threads.saturating_add(queue))),
            running: Arc::new(Semaphore::new(threads)),
        }
    }

    /// Runs `work` and gives its result. Once begun it runs to its end, whether or not the caller still waits.
    ///
    /// # Errors
    /// 503 `busy` when the queue is full, 500 if `work` panics.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned();
        let admitted = admitted.map_err(|_| ApiError::busy())?;
        let running = Arc::clone(&self.running).acquire_owned().await;
        let running = running.map_err(ApiError::internal)?;
        let job = tokio::task::spawn_blocking(move || {
            let _held_until_done = (admitted, running);
            work()
        });
        job.await.map_err(ApiError::internal)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use consilium_client::api::errors::codes;

    use super::*;

    #[tokio::test]
    async fn work_runs_and_a_full_queue_is_busy() {
        let pool = WorkPool::new(1, 1);
        assert_eq!(pool.run(|| 6 * 7).await.unwrap(), 42);
        let (release, wait) = mpsc::channel::<()>();
        let (one, two) = (pool.clone(), pool.clone());
        let running = tokio::spawn(async move { one.run(move || wait.recv()).await });
        let waiting = tokio::spawn(async move { two.run(|| 1).await });
        while pool.admitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run(|| 2).await.unwrap_err().code(), &codes::BUSY);
        release.send(()).unwrap();
        running.await.unwrap().unwrap().unwrap();
        assert_eq!(waiting.await.unwrap().unwrap(), 1);
        assert_eq!(pool.run(|| 2).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_gives_its_place_back() {
        let pool = WorkPool::new(1, 0);
        let failed = pool.run(|| assert_eq!(1, 2)).await.unwrap_err();
        assert_eq!(failed.code(), &codes::INTERNAL);
        assert_eq!(pool.run(|| 3).await.unwrap(), 3);
    }
}
