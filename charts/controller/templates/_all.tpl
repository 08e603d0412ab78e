{{- /* Everything of a controller but its ClusterRole, which each chart writes out itself. */}}
{{- define "controller.all" -}}
{{- range list "serviceAccount" "clusterRoleBinding" "leaseRole" "leaseRoleBinding" "service" "deployment" "podDisruptionBudget" }}
{{- with include (printf "controller.%s" .) $ }}
---
{{ . }}
{{- end }}
{{- end }}
{{- end }}
