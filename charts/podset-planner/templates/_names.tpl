{{- /* What users of the planner know it by, and the name of its lease and field manager. */}}
{{- define "controller.name" -}}planner-controller-manager{{- end }}

{{- define "controller.subcommand" -}}manager{{- end }}

{{- define "controller.kinds" -}}this chart installs them, unless somebody removed them{{- end }}

{{- define "score-podset-planner.args" }}{{- end }}
