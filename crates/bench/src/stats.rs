//! Percentiles.

use std::time::Duration;

use serde::Serialize;

/// How long it took until an object was ready, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Latency {
    /// Half were at most this slow.
    pub(crate) p50: f64,
    /// 90 % were at most this slow.
    pub(crate) p90: f64,
    /// 99 % were at most this slow.
    pub(crate) p99: f64,
}

impl Latency {
    /// The percentiles of `samples`; all 0 where there are none.
    pub(crate) fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        Self { p50: percentile(&samples, 50), p90: percentile(&samples, 90), p99: percentile(&samples, 99) }
    }
}

/// The smallest sample that at least `percent` % of them do not exceed (nearest rank), in seconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).map_or(0.0, Duration::as_secs_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(values: impl IntoIterator<Item = u64>) -> Vec<Duration> {
        values.into_iter().map(Duration::from_secs).collect()
    }

    #[test]
    fn a_percentile_is_the_nearest_rank_whatever_the_order() {
        let latency = Latency::of(seconds((1..=100).rev()));
        assert_eq!(latency, Latency { p50: 50.0, p90: 90.0, p99: 99.0 });
    }

    #[test]
    fn one_sample_is_every_percentile() {
        assert_eq!(Latency::of(seconds([7])), Latency { p50: 7.0, p90: 7.0, p99: 7.0 });
    }

    #[test]
    fn a_percentile_between_two_ranks_is_the_higher_one() {
        assert_eq!(Latency::of(seconds([1, 2, 3])).p50, 2.0);
    }

    #[test]
    fn without_samples_there_is_nothing_to_fail_on() {
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }
}
