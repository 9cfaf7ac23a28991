//! Many asynchronous works, so many at once.

use consilium_service::ApiError;
use tokio::task::JoinSet;

/// Does all of them, so many at once; the last that failed is told when all have ended.
pub(crate) async fn together<F>(
    at_once: usize,
    works: impl IntoIterator<Item = F>,
) -> Result<(), ApiError>
where
    F: Future<Output = Result<(), ApiError>> + Send + 'static,
{
    let mut waiting = works.into_iter();
    let mut running = JoinSet::new();
    let mut failed = None;
    loop {
        while running.len() < at_once
            && let Some(work) = waiting.next()
        {
            running.spawn(work);
        }
        match running.join_next().await {
            None => return failed.map_or(Ok(()), Err),
            Some(Ok(Ok(()))) => {}
            Some(Ok(Err(error))) => failed = Some(error),
            Some(Err(error)) => failed = Some(ApiError::internal(error)),
        }
    }
}
