//! The page, for people and for terminals.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::visits::Log;

/// What the page shows.
pub(crate) struct Page<'a> {
    /// The greeting.
    pub(crate) message: &'a str,
    /// Who serves it.
    pub(crate) host: &'a str,
    /// The environment, with secrets hidden.
    pub(crate) environment: &'a BTreeMap<String, String>,
    /// What the database holds, or why it is not known. None if there is no database.
    pub(crate) visits: Option<Result<Log, String>>,
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
    color:#1c2733;background:#fff}h1{margin-bottom:0}table{border-collapse:collapse;width:100%}\
    td,th{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #dde3ea;vertical-align:top}\
    code,td{font-family:ui-monospace,monospace;font-size:.875rem;overflow-wrap:anywhere}.bad{color:#b3261e}";

impl Page<'_> {
    /// As HTML.
    pub(crate) fn html(&self) -> String {
        let message = escape(self.message);
        let mut html = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>{message}</title><style>{STYLE}</style>\
             <h1>{message}</h1><p>Served by <code>{}</code></p>",
            escape(self.host)
        );
        match &self.visits {
            Some(Ok(log)) => html_log(&mut html, log),
            Some(Err(reason)) => {
                let _ = write!(html, "<h2>Visits</h2><p class=\"bad\">{}</p>", escape(reason));
            }
            None => {}
        }
        html.push_str("<h2>Environment</h2><table>");
        for (name, value) in self.environment {
            let _ = write!(html, "<tr><td>{}<td>{}", escape(name), escape(value));
        }
        html.push_str("</table></html>\n");
        html
    }

    /// As plain text.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}\nserved by {}\n", self.message, self.host);
        match &self.visits {
            Some(Ok(log)) => text_log(&mut text, log),
            Some(Err(reason)) => {
                let _ = write!(text, "\nVisits\n  {reason}\n");
            }
            None => {}
        }
        text.push_str("\nEnvironment\n");
        for (name, value) in self.environment {
            let _ = writeln!(text, "  {name}={value}");
        }
        text
    }
}

fn html_log(html: &mut String, log: &Log) {
    let _ = write!(
        html,
        "<h2>Visits</h2><p>{} so far, kept in {}</p><table><tr><th>#<th>when (UTC)<th>served by<th>visitor",
        log.count,
        escape(&log.version)
    );
    for visit in &log.newest {
        let (at, host, visitor) = (escape(&visit.at), escape(&visit.host), escape(&visit.visitor));
        let _ = write!(html, "<tr><td>{}<td>{at}<td>{host}<td>{visitor}", visit.id);
    }
    html.push_str("</table>");
}

fn text_log(text: &mut String, log: &Log) {
    let _ = write!(text, "\nVisits: {} so far, kept in {}\n", log.count, log.version);
    for visit in &log.newest {
        let _ = writeln!(text, "  {:>4}  {} UTC  {}  {}", visit.id, visit.at, visit.host, visit.visitor);
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::visits::Visit;

    fn log() -> Log {
        let visit = Visit {
            id: 7,
            at: "2026-01-01 00:00:00".to_owned(),
            host: "web-1".to_owned(),
            visitor: "<script>alert(1)</script>".to_owned(),
        };
        Log { version: "PostgreSQL 15".to_owned(), count: 7, newest: vec![visit] }
    }

    fn page(visits: Option<Result<Log, String>>) -> (String, String) {
        let environment = BTreeMap::from([("A".to_owned(), "1 < 2 & 3".to_owned())]);
        let page = Page { message: "Hi \"you\"", host: "web-1", environment: &environment, visits };
        (page.html(), page.text())
    }

    #[test]
    fn everything_that_came_from_outside_is_escaped_in_html() {
        let (html, _) = page(Some(Ok(log())));
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script>"));
        assert!(html.contains("<h1>Hi &quot;you&quot;</h1>") && html.contains("1 &lt; 2 &amp; 3"));
    }

    #[test]
    fn text_is_for_terminals() {
        let (_, text) = page(Some(Ok(log())));
        assert!(text.starts_with("Hi \"you\"\nserved by web-1\n"), "{text}");
        assert!(
            text.contains("Visits: 7 so far, kept in PostgreSQL 15") && text.contains("A=1 < 2 & 3"),
            "{text}"
        );
    }

    #[test]
    fn without_a_database_there_is_no_word_of_visits_and_with_a_broken_one_there_is_the_reason() {
        assert!(!page(None).1.contains("Visits"));
        assert!(page(Some(Err("away".to_owned()))).1.contains("away"));
    }
}
