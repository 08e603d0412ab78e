//! Texts that mean something to one of those through whose hands they may go: a template, an expression, a shell, a file
//! system, an API server, a database. Whoever puts texts of others somewhere tries all of them there.

/// The texts, each of a kind of its own. [`hostile_texts`] has long ones too.
pub const HOSTILE: [&str; 72] = [
    // Templates and placeholders.
    "{{ generated('password') }}",
    "{{ values }}",
    "{{ params.text }}",
    "{{7*7}}",
    "{% for x in range(9) %}x{% endfor %}",
    "{% include '/etc/passwd' %}",
    "{# gone #}",
    "}}{{",
    "{{",
    "${resources.db.password}",
    "$${resources.db.password}",
    "$(KUBERNETES_SERVICE_HOST)",
    "$(cat /etc/passwd)",
    "`id`",
    "; reboot",
    "| tee /tmp/x",
    "%I %s %L",
    "%n%n%n%s",
    // Documents.
    "x\nkind: Secret",
    "x\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: other}",
    "\"}, metadata: {namespace: kube-system}, x: {\"",
    "x\", \"y\": \"z",
    "&anchor x",
    "*anchor",
    "!!binary c2VjcmV0",
    "!!python/object/apply:os.system ['id']",
    "<<: {a: b}",
    "| block",
    "> folded",
    "# comment",
    "- item",
    "null",
    "~",
    "true",
    "0x10",
    "1e400",
    "-1",
    "2026-01-01",
    // SQL.
    "'; DROP TABLE canary; --",
    "\"; DROP TABLE canary; --",
    "x\";DROP/**/TABLE/**/canary;--",
    "x';DROP/**/ROLE/**/reporting;--",
    "\";CREATE/**/ROLE/**/evil/**/SUPERUSER;--",
    "$$;DROP/**/TABLE/**/canary;$$",
    "\\';DROP/**/TABLE/**/canary;--",
    "U&\"\\0022;DROP/**/TABLE/**/canary\"",
    "E'\\x27'",
    "a\\\"b",
    "a'b\\",
    "reporting,postgres",
    "reporting/*",
    "public.canary",
    "pg_monitor",
    // Expressions.
    "' || true || '",
    "x' + objects.secret.data + '",
    "objects.secret.data.password",
    "params.text",
    "has(objects.secret)",
    "[1,2].all(x,true)",
    // Paths and addresses.
    "../../secrets/other",
    "..%2f..%2fsecrets%2fother",
    "/api/v1/namespaces/kube-system/secrets",
    "a/b?fieldManager=x",
    "http://169.254.169.254/latest/meta-data",
    // Characters.
    "",
    " ",
    "\u{0}",
    "x\u{0}y",
    "\u{feff}x",
    "\u{202e}txet",
    "数据库",
    "🔐💬other_password💬🔐",
];

/// [`HOSTILE`], what a renderer of templates may use to mark its own, and texts that are longer than names may be.
pub fn hostile_texts() -> Vec<String> {
    let marks = [
        "score-hidden-00000000000000000000000000000000-g32:password;",
        "score-hidden-00000000000000000000000000000000-p0;",
    ];
    let long = ["w".repeat(64), "w".repeat(10_000), "'\"".repeat(2_000), "(".repeat(2_000), "é".repeat(300)];
    HOSTILE.into_iter().chain(marks).map(str::to_owned).chain(long).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_text_is_there_twice() {
        let texts = hostile_texts();
        assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), texts.len());
    }
}
