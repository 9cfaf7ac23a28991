//! Until when a service serves.

use std::io::{self, Read as _};
use std::thread;

use clap::Args;
use consilium_service::shutdown_signal;
use tokio::sync::oneshot;

/// What ends a service besides a signal.
#[derive(Debug, Clone, Copy, Args)]
pub struct EndOption {
    /// End when standard input closes, too: with the process that holds its other end, however that one ends
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
}

impl EndOption {
    /// Ready when the service is to end.
    pub fn asked(self) -> impl Future<Output = ()> {
        let closed = self.until_stdin_closes.then(stdin_closed);
        async move {
            let closed = async {
                match closed {
                    Some(closed) => drop(closed.await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown_signal() => {}
                () = closed => {}
            }
        }
    }
}

/// A thread that nobody waits for: one of the runtime's would hold up its end for as long as nothing comes.
fn stdin_closed() -> oneshot::Receiver<()> {
    let (tell, closed) = oneshot::channel();
    thread::spawn(move || {
        let mut piece = [0; 64];
        while !matches!(io::stdin().read(&mut piece), Ok(0) | Err(_)) {}
        // Nobody listens any more where a signal came first.
        let _ = tell.send(());
    });
    closed
}
