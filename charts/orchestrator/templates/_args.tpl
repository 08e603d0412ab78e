{{- /* The orchestrator has no flags of its own yet. */}}
{{- define "score-orchestrator.args" -}}
{{- end }}
