//! The network between validators as a test wants it: a proxy of its own on each way from one to another.
//!
//! It works above TCP: what is "lost" arrives after the retransmission that TCP would need, and holds up what follows; what is cut off
//! silently stays in the buffers and arrives when the cut heals, as retransmissions do.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::network::Network;

/// What a way lets through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Passes {
    All,
    /// Nothing arrives, and nobody is told.
    Nothing,
    /// Connections break, and new ones are refused.
    Broken,
}

/// How a way is just now.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Weather {
    pub passes: Passes,
    pub delay: Duration,
    /// Of a hundred pieces, how many are lost.
    pub loss: u8,
}

impl Weather {
    pub const FAIR: Self = Self {
        passes: Passes::All,
        delay: Duration::ZERO,
        loss: 0,
    };
}

/// TCP's least wait before it sends again.
const RETRANSMISSION: Duration = Duration::from_millis(200);
/// Pieces under way at once.
const UNDER_WAY: usize = 64;

/// The ways between all validators.
pub struct Ways {
    /// Of each pair, the lower number first.
    weather: BTreeMap<(usize, usize), watch::Sender<Weather>>,
    /// Where one reaches another.
    ports: BTreeMap<(usize, usize), u16>,
}

impl Ways {
    /// Fair ways between the first `count` hospitals.
    pub async fn between(network: &Network, count: usize) -> Self {
        let mut ways = Self {
            weather: BTreeMap::new(),
            ports: BTreeMap::new(),
        };
        for from in 0..count {
            for to in (0..count).filter(|to| *to != from) {
                let weather = ways.weather.entry(pair(from, to));
                let weather = weather
                    .or_insert_with(|| watch::Sender::new(Weather::FAIR))
                    .subscribe();
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                ways.ports
                    .insert((from, to), listener.local_addr().unwrap().port());
                let target = port(&network.plan.hospitals[to]);
                tokio::spawn(serve(listener, target, weather));
            }
        }
        ways
    }

    /// Where validator `from` reaches the others: their numbers and addresses.
    pub fn peers(&self, from: usize) -> Vec<(usize, String)> {
        let mine = self.ports.iter().filter(|((one, _), _)| *one == from);
        mine.map(|((_, to), port)| (*to, format!("/ip4/127.0.0.1/tcp/{port}")))
            .collect()
    }

    /// Changes all ways.
    pub fn all(&self, weather: Weather) {
        for way in self.weather.values() {
            way.send_replace(weather);
        }
    }

    /// Changes the ways between these and the others.
    pub fn between_these_and_others(&self, these: &[usize], passes: Passes) {
        for ((one, other), way) in &self.weather {
            if these.contains(one) != these.contains(other) {
                way.send_modify(|weather| weather.passes = passes);
            }
        }
    }
}

fn pair(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}

fn port(address: &str) -> u16 {
    address.rsplit('/').next().unwrap().parse().unwrap()
}

async fn serve(listener: TcpListener, target: u16, weather: watch::Receiver<Weather>) {
    loop {
        let (inside, _) = listener.accept().await.unwrap();
        if weather.borrow().passes == Passes::Broken {
            continue;
        }
        let weather = weather.clone();
        tokio::spawn(async move {
            // The other end may be down.
            if let Ok(outside) = TcpStream::connect(("127.0.0.1", target)).await {
                join(inside, outside, weather).await;
            }
        });
    }
}

/// Carries both ways until either ends or the way breaks.
async fn join(inside: TcpStream, outside: TcpStream, mut weather: watch::Receiver<Weather>) {
    for stream in [&inside, &outside] {
        stream.set_nodelay(true).unwrap();
    }
    let ((from_inside, to_inside), (from_outside, to_outside)) =
        (inside.into_split(), outside.into_split());
    tokio::select! {
        () = carry(from_inside, to_outside, weather.clone()) => {}
        () = carry(from_outside, to_inside, weather.clone()) => {}
        _ = weather.wait_for(|weather| weather.passes == Passes::Broken) => {}
    }
}

async fn carry(from: OwnedReadHalf, to: OwnedWriteHalf, weather: watch::Receiver<Weather>) {
    let (pieces, arriving) = mpsc::channel(UNDER_WAY);
    tokio::join!(
        take(from, pieces, weather.clone()),
        deliver(to, arriving, weather)
    );
}

/// Reads pieces and says when each may arrive: after the one before it.
async fn take(
    mut from: OwnedReadHalf,
    pieces: mpsc::Sender<(Instant, Vec<u8>)>,
    weather: watch::Receiver<Weather>,
) {
    let (mut buffer, mut last) = (vec![0; 1 << 14], Instant::now());
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let now = *weather.borrow();
        let mut wait = now.delay;
        if rand::random_range(0..100) < now.loss {
            wait += 2 * now.delay + RETRANSMISSION;
        }
        last = last.max(Instant::now() + wait);
        if pieces
            .send((last, buffer[..length].to_vec()))
            .await
            .is_err()
        {
            return;
        }
    }
}

async fn deliver(
    mut to: OwnedWriteHalf,
    mut arriving: mpsc::Receiver<(Instant, Vec<u8>)>,
    mut weather: watch::Receiver<Weather>,
) {
    while let Some((when, piece)) = arriving.recv().await {
        tokio::time::sleep_until(when).await;
        let _ = weather
            .wait_for(|weather| weather.passes != Passes::Nothing)
            .await;
        if to.write_all(&piece).await.is_err() {
            return;
        }
    }
}
