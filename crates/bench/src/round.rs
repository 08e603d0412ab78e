//! One writer's turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{interval_at, sleep_until};

use crate::error::BenchError;
use crate::progress::{INTERVAL, say};
use crate::tracker::{Event, Times, Tracker};
use crate::writer::Writer;

type Outbox = UnboundedSender<Result<Event, BenchError>>;

/// How many objects to make, and how.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Objects.
    pub(crate) count: u32,
    /// Tasks that create them.
    pub(crate) clients: u32,
    /// How long it may take.
    pub(crate) timeout: Duration,
}

/// Lets `writer` make its objects and waits until all are ready.
pub(crate) async fn run(writer: &Arc<Writer>, plan: &Plan) -> Result<Times, BenchError> {
    let (outbox, mut inbox) = unbounded_channel();
    let mut tasks = JoinSet::new(); // they end with this function
    tasks.spawn(watch(writer.clone(), outbox.clone()));
    let next = Arc::new(AtomicU32::new(0));
    for _ in 0..plan.clients {
        tasks.spawn(create(writer.clone(), plan.count, next.clone(), outbox.clone()));
    }
    let mut tracker = Tracker::default();
    follow(&mut tracker, &mut inbox, writer, plan, |name| {
        tasks.spawn(finish(writer.clone(), name, outbox.clone()));
    })
    .await?;
    Ok(tracker.times())
}

/// Handles events until all objects are ready.
async fn follow(
    tracker: &mut Tracker,
    inbox: &mut UnboundedReceiver<Result<Event, BenchError>>,
    writer: &Writer,
    plan: &Plan,
    mut runs: impl FnMut(String),
) -> Result<(), BenchError> {
    let began = tokio::time::Instant::now();
    let mut progress = interval_at(began + INTERVAL, INTERVAL);
    while tracker.ready() < plan.count as usize {
        tokio::select! {
            Some(event) = inbox.recv() => if let Some(name) = tracker.observe(event?) { runs(name) },
            _ = progress.tick() => report(writer, tracker, plan, began.elapsed()),
            () = sleep_until(began + plan.timeout) => return Err(too_late(writer, tracker, plan)),
        }
    }
    Ok(())
}

fn report(writer: &Writer, tracker: &Tracker, plan: &Plan, elapsed: Duration) {
    say(&format!(
        "{}: {} of {} ready after {} s",
        writer.kind.name(),
        tracker.ready(),
        plan.count,
        elapsed.as_secs()
    ));
}

fn too_late(writer: &Writer, tracker: &Tracker, plan: &Plan) -> BenchError {
    BenchError::Timeout {
        what: format!(
            "only {} of {} objects of the {} were ready",
            tracker.ready(),
            plan.count,
            writer.kind.name()
        ),
        seconds: plan.timeout.as_secs(),
        hint: format!("see what is in namespace {}, or raise --timeout", writer.namespace),
    }
}

/// One client: creates one object after the other as fast as they are accepted.
async fn create(writer: Arc<Writer>, count: u32, next: Arc<AtomicU32>, outbox: Outbox) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return;
        }
        let name = format!("{}-{number:04}", writer.kind.prefix());
        let began = Instant::now();
        let created = writer.create(&name).await.map(|()| Event::Created(name, began));
        if outbox.send(created).is_err() {
            return; // the round is over
        }
    }
}

async fn finish(writer: Arc<Writer>, name: String, outbox: Outbox) {
    let finished = writer.finish(&name).await.map(|()| Event::Ready(name, Instant::now()));
    outbox.send(finished).ok(); // else the round is over
}

async fn watch(writer: Arc<Writer>, outbox: Outbox) {
    let mut running = writer.running();
    while let Some(name) = running.next().await {
        if outbox.send(Ok(Event::Running(name))).is_err() {
            return; // the round is over
        }
    }
}
