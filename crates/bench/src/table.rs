//! What was measured, for people.

use std::fmt::Write as _;

use crate::goals::Goal;
use crate::report::{Figures, Idle, Needs, Report, Settings};
use crate::writer::Kind;

/// The whole report as text.
pub(crate) fn render(report: &Report) -> String {
    let controllers = controllers(&report.needs, &report.idle, ("Workload", report.writers[2].objects));
    let sections =
        [settings(&report.settings), writers(report), resources(report), controllers, goals(&report.goals)];
    sections.join("\n\n")
}

/// What was asked for.
pub(crate) fn settings(settings: &Settings) -> String {
    let load = settings.load_before.map_or("unknown".to_owned(), |load| format!("{load:.1}"));
    format!(
        "{} objects each in {} round(s) of {}, {} clients; {} CPUs, load average before: {load}",
        u64::from(settings.count) * u64::from(settings.rounds),
        settings.rounds,
        settings.count,
        settings.clients,
        settings.cpus,
    )
}

fn writers(report: &Report) -> String {
    let of = |title: &str, value: &dyn Fn(&Figures<Kind>) -> String| -> Vec<String> {
        std::iter::once(title.to_owned()).chain(report.writers.iter().map(value)).collect()
    };
    align(&[
        of("", &|f| f.writer.name().to_owned()),
        of("ready per second", &|f| format!("{:.1}", f.ready_per_second)),
        of("seconds to ready: p50", &|f| format!("{:.2}", f.seconds_to_ready.p50)),
        of("p90", &|f| format!("{:.2}", f.seconds_to_ready.p90)),
        of("p99", &|f| format!("{:.2}", f.seconds_to_ready.p99)),
        paced(report),
        of("API writes per object", &|f| format!("{:.2}", f.per_object(f.writes.total()))),
        of("not Kubernetes' own", &|f| format!("{:.2}", f.per_object(f.writes.ours()))),
    ])
}

fn paced(report: &Report) -> Vec<String> {
    let paced = &report.paced;
    let seconds = |seconds: f64| format!("{seconds:.2}");
    let title = format!("p50 at {:.1} created per second", paced.per_second);
    vec![title, seconds(paced.bare.p50), "-".to_owned(), seconds(paced.controllers.p50)]
}

/// Writes per object; in brackets those that are not Kubernetes' own.
fn resources(report: &Report) -> String {
    let title = ["writes per object (not Kubernetes' own)".to_owned()];
    let mut rows =
        vec![title.into_iter().chain(report.writers.iter().map(|f| f.writer.name().to_owned())).collect()];
    rows.extend(report.resources().into_iter().map(|resource| {
        let cells = report.writers.iter().map(|figures| cell(figures, &resource));
        std::iter::once(resource.clone()).chain(cells).collect::<Vec<_>>()
    }));
    align(&rows)
}

fn cell(figures: &Figures<Kind>, resource: &str) -> String {
    let all = figures.writes.all.get(resource).copied().unwrap_or_default();
    let ours = figures.writes.ours_to(resource);
    format!("{:.2} ({:.2})", figures.per_object(all), figures.per_object(ours))
}

/// What the controllers needed for so many objects that are called so.
pub(crate) fn controllers(needs: &[Needs], idle: &Idle, (what, objects): (&str, u64)) -> String {
    let title = format!("writes in {} idle s", idle.seconds);
    let mut rows =
        vec![vec!["controller".to_owned(), "memory, MiB".to_owned(), format!("CPU per {what}, ms"), title]];
    rows.extend(needs.iter().map(|needs| {
        let writes = idle.writes.controllers.get(&needs.controller);
        let writes: u64 = writes.into_iter().flat_map(|counts| counts.values()).sum();
        let mebibytes = needs.memory_bytes as f64 / f64::from(1 << 20);
        let milliseconds = 1000.0 * needs.cpu_seconds / objects as f64;
        vec![
            needs.controller.clone(),
            format!("{mebibytes:.1}"),
            format!("{milliseconds:.1}"),
            writes.to_string(),
        ]
    }));
    align(&rows)
}

/// What was to be reached, and what was.
pub(crate) fn goals(goals: &[Goal]) -> String {
    let mut rows = vec![["goal", "", "measured", "verdict"].map(str::to_owned).to_vec()];
    rows.extend(goals.iter().map(|goal| {
        vec![
            goal.what.to_owned(),
            goal.goal.to_owned(),
            format!("{:.2}", goal.measured),
            goal.verdict.to_string(),
        ]
    }));
    align(&rows)
}

/// Columns of equal width: the first to the left, the others to the right.
pub(crate) fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let lines = rows.iter().map(|row| {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Writing to a String cannot fail.
            let _ =
                if column == 0 { write!(line, "{cell:width$}") } else { write!(line, "  {cell:>width$}") };
        }
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{figures, paced, tally};
    use crate::goals::goals as compare;

    fn report() -> Report {
        let writers = [
            figures(Kind::Bare, 30.0, 0.3, 200),
            figures(Kind::Ideal, 20.0, 0.4, 800),
            figures(Kind::Controllers, 16.0, 0.8, 800),
        ];
        Report {
            settings: Settings { count: 100, rounds: 1, clients: 8, cpus: 2, load_before: Some(0.25) },
            goals: compare(&writers, &paced(0.6), &tally(0, 3)),
            paced: paced(0.6),
            writers,
            idle: Idle { seconds: 60, writes: tally(0, 3) },
            needs: vec![Needs {
                controller: "score-orchestrator".to_owned(),
                memory_bytes: 20 << 20,
                cpu_seconds: 1.5,
            }],
        }
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["long".to_owned(), "12.50".to_owned()]];
        assert_eq!(align(&rows), "a         1\nlong  12.50");
    }

    #[test]
    fn the_table_tells_rates_writes_memory_and_goals() {
        let text = render(&report());
        let lines: Vec<String> =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        for line in [
            "100 objects each in 1 round(s) of 100, 8 clients; 2 CPUs, load average before: 0.2",
            "ready per second 30.0 20.0 16.0",
            "not Kubernetes' own 2.00 8.00 8.00",
            "p50 at 10.0 created per second 0.30 - 0.60",
            "score-orchestrator 20.0 15.0 3",
        ] {
            assert!(lines.contains(&line.to_owned()), "{line} is not in:\n{text}");
        }
        let verdicts: Vec<_> =
            text.lines().rev().take(5).filter_map(|line| line.split(' ').next_back()).collect();
        assert_eq!(verdicts, ["FAIL", "PASS", "reached", "reached", "reached"]);
    }

    #[test]
    fn a_resource_shows_all_writes_and_those_that_are_not_kubernetes_own() {
        let text = resources(&report());
        assert!(text.contains("workloads/status") && text.contains("6.00 (6.00)"), "{text}");
        assert!(text.starts_with("writes per object"), "{text}");
    }
}
