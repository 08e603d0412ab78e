//! What was measured, for people.

use super::planning::Planning;
use super::report::Report;
use super::turn::Kind;
use crate::report::Figures;
use crate::table::{align, controllers, goals, settings};

/// The whole report as text; the goals come last.
pub(crate) fn render(report: &Report) -> String {
    let [_, planner] = &report.turns;
    let mut sections = vec![settings(&report.settings)];
    if !report.planning.is_empty() {
        sections.push(plans(&report.planning));
    }
    sections.extend([
        turns(report),
        controllers(&report.needs, &report.idle, ("pod", planner.objects)),
        goals(&report.goals),
    ]);
    sections.join("\n\n")
}

/// The last column would stay the same if planning took as many times longer as there are more pods, and more nodes.
fn plans(planning: &[Planning]) -> String {
    let titles = ["planning alone", "pods", "nodes", "seconds", "peak MiB", "ns per pod and node"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    rows.extend(planning.iter().map(|one| {
        let each = 1e9 * one.seconds / f64::from(one.pods) / f64::from(one.nodes);
        vec![
            one.set.clone(),
            one.pods.to_string(),
            one.nodes.to_string(),
            format!("{:.3}", one.seconds),
            one.peak_mebibytes.map_or("-".to_owned(), |mebibytes| format!("{mebibytes:.0}")),
            format!("{each:.0}"),
        ]
    }));
    align(&rows)
}

fn turns(report: &Report) -> String {
    let of = |title: &str, value: &dyn Fn(&Figures<Kind>) -> String| -> Vec<String> {
        std::iter::once(title.to_owned()).chain(report.turns.iter().map(value)).collect()
    };
    let [_, planner] = &report.turns;
    let held = format!("{:.2}", planner.per_object(report.held.by_controllers()));
    let small = format!("{:.2}", report.small.seconds);
    align(&[
        of("", &|f| f.writer.name().to_owned()),
        of("bound per second", &|f| format!("{:.1}", f.ready_per_second)),
        of("seconds to bound: p50", &|f| format!("{:.2}", f.seconds_to_ready.p50)),
        of("p90", &|f| format!("{:.2}", f.seconds_to_ready.p90)),
        of("p99", &|f| format!("{:.2}", f.seconds_to_ready.p99)),
        vec![format!("seconds until {} are bound", report.small.pods), "-".to_owned(), small],
        of("API writes per pod", &|f| format!("{:.2}", f.per_object(f.writes.total()))),
        of("of whoever lets it go", &|f| format!("{:.2}", f.per_object(f.writes.ours()))),
        of("of the planner", &|f| format!("{:.2}", f.per_object(f.writes.by_controllers()))),
        vec!["of the planner before, to say why it waits".to_owned(), "-".to_owned(), held],
    ])
}

#[cfg(test)]
mod tests {
    use super::super::goals::goals as compare;
    use super::super::report::{
        Small,
        fixtures::{idle, planning},
    };
    use super::*;
    use crate::fixtures::{figures, tally};
    use crate::report::{Needs, Settings};

    fn report(planning: Vec<Planning>) -> Report {
        let turns = [figures(Kind::Scheduler, 100.0, 0.5, 200), figures(Kind::Planner, 90.0, 0.6, 310)];
        let (small, idle) = (Small { pods: 20, seconds: 0.75 }, idle(0));
        Report {
            settings: Settings { count: 100, rounds: 1, clients: 32, cpus: 2, load_before: None },
            goals: compare(&turns, 1, &small, &idle, &planning),
            turns,
            held: tally(0, 103),
            idle,
            needs: vec![Needs { controller: "planner".to_owned(), memory_bytes: 30 << 20, cpu_seconds: 0.2 }],
            small,
            planning,
        }
    }

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn the_table_tells_plans_rates_writes_memory_and_last_the_goals() {
        let text = render(&report(vec![planning("mixed", 1000, 500, 0.25)]));
        let lines = lines(&text);
        for line in [
            "mixed 1000 500 0.250 12 500",
            "bound per second 100.0 90.0",
            "seconds until 20 are bound - 0.75",
            "API writes per pod 2.00 3.10",
            "of the planner 0.00 1.10",
            "of the planner before, to say why it waits - 1.03",
            "controller memory, MiB CPU per pod, ms writes in 60 idle s",
            "planner 30.0 2.0 0",
            "writes for a set beyond one for each pod 60 or fewer 10.00 PASS",
        ] {
            assert!(lines.contains(&line.to_owned()), "{line} is not in:\n{text}");
        }
        assert_eq!(lines.last().unwrap(), "writes while idle 0 0.00 PASS");
    }

    #[test]
    fn what_was_not_measured_is_not_told() {
        assert!(!render(&report(Vec::new())).contains("planning"));
    }
}
