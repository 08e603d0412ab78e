//! Changes that come many at a time.

use std::{collections::HashSet, hash::Hash, time::Duration};

use futures::{Stream, StreamExt as _, stream};

/// What `changes` names: at once, and then not again for `pause`, after which whoever was named meanwhile is named once.
/// A thousand pods that are bound one by one are not a thousand looks at all of them. `changes` is read all the time.
pub fn gather<T>(
    changes: impl Stream<Item = T> + Send + 'static,
    pause: Duration,
) -> impl Stream<Item = T> + Send + 'static
where
    T: Eq + Hash + Send + 'static,
{
    let is_first = true;
    let rounds =
        stream::unfold((changes.fuse().boxed(), is_first), move |(mut changes, is_first)| async move {
            let mut named = HashSet::new();
            if !is_first {
                listen(&mut changes, &mut named, pause).await;
            }
            if named.is_empty() {
                named.insert(changes.next().await?);
            }
            Some((stream::iter(named), (changes, false)))
        });
    rounds.flatten()
}

/// Takes note of what `changes` names, until `pause` is over or there are no more.
async fn listen<T: Eq + Hash>(
    changes: &mut (impl Stream<Item = T> + Unpin),
    named: &mut HashSet<T>,
    pause: Duration,
) {
    let over = tokio::time::sleep(pause);
    tokio::pin!(over);
    loop {
        tokio::select! {
            () = &mut over => return,
            change = changes.next() => match change {
                Some(change) => named.insert(change),
                None => return,
            },
        };
    }
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc;
    use tokio::time::Instant;

    use super::*;

    const PAUSE: Duration = Duration::from_millis(100);

    #[tokio::test(start_paused = true)]
    async fn who_is_named_is_told_at_once_and_then_once_for_each_pause() {
        let (sender, changes) = mpsc::unbounded();
        let mut told = gather(changes, PAUSE).boxed();
        let start = Instant::now();
        sender.unbounded_send("a").unwrap();
        assert_eq!((told.next().await, start.elapsed()), (Some("a"), Duration::ZERO));
        for _ in 0..1000 {
            sender.unbounded_send("a").unwrap();
            sender.unbounded_send("b").unwrap();
        }
        let mut next = [told.next().await.unwrap(), told.next().await.unwrap()];
        next.sort_unstable();
        assert_eq!(next, ["a", "b"]);
        assert!((PAUSE..2 * PAUSE).contains(&start.elapsed()), "{:?}", start.elapsed());
        tokio::time::sleep(10 * PAUSE).await;
        sender.unbounded_send("c").unwrap();
        drop(sender);
        assert_eq!((told.next().await, told.next().await), (Some("c"), None));
    }

    #[tokio::test(start_paused = true)]
    async fn changes_without_end_hold_nobody_up() {
        let every_millisecond = stream::repeat("a").then(async |name| {
            tokio::time::sleep(PAUSE / 100).await;
            name
        });
        let start = Instant::now();
        let told = gather(every_millisecond, PAUSE).take(11).collect::<Vec<_>>().await;
        assert_eq!(told.len(), 11);
        assert!((10 * PAUSE..=11 * PAUSE).contains(&start.elapsed()), "{:?}", start.elapsed());
    }
}
