//! One writer's turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Interval, interval, interval_at, sleep_until};

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
    /// Objects per second; as fast as they are accepted if none.
    pub(crate) pace: Option<f64>,
}

/// Says when the next object may be begun, and which one it is.
struct Queue {
    pace: Option<Mutex<Interval>>,
    next: AtomicU32,
    count: u32,
}

impl Queue {
    fn new(plan: &Plan) -> Self {
        let pace = plan.pace.map(|rate| Mutex::new(interval(Duration::from_secs_f64(1.0 / rate))));
        Self { pace, next: AtomicU32::new(0), count: plan.count }
    }

    /// The number of the next object; none when all were begun.
    async fn next(&self) -> Option<u32> {
        if let Some(pace) = &self.pace {
            pace.lock().await.tick().await;
        }
        Some(self.next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < self.count)
    }
}

/// Lets `writer` make its objects and waits until all are ready.
pub(crate) async fn run(writer: &Arc<Writer>, plan: &Plan) -> Result<Times, BenchError> {
    let (outbox, mut inbox) = unbounded_channel();
    let mut tasks = JoinSet::new(); // they end with this function
    tasks.spawn(watch(writer.clone(), outbox.clone()));
    let queue = Arc::new(Queue::new(plan));
    for _ in 0..plan.clients {
        tasks.spawn(create(writer.clone(), queue.clone(), outbox.clone()));
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

/// One client: creates one object after the other as soon as it may.
async fn create(writer: Arc<Writer>, queue: Arc<Queue>, outbox: Outbox) {
    while let Some(number) = queue.next().await {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(count: u32, pace: Option<f64>) -> Queue {
        Queue::new(&Plan { count, clients: 1, timeout: Duration::ZERO, pace })
    }

    #[tokio::test]
    async fn every_object_has_its_turn_once() {
        let queue = queue(2, None);
        assert_eq!([queue.next().await, queue.next().await, queue.next().await], [Some(0), Some(1), None]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pace_holds_back_whoever_would_be_faster() {
        let queue = queue(3, Some(4.0));
        let began = tokio::time::Instant::now();
        while queue.next().await.is_some() {}
        assert_eq!(began.elapsed(), Duration::from_millis(750));
    }
}
