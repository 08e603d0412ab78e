{{- define "score-provisioner-postgres.args" -}}
- --provisioner-name={{ .Values.provisioner.name }}
{{- with .Values.provisioner.clusterDomain }}
- --cluster-domain={{ . }}
{{- end }}
- --image={{ .Values.postgres.image }}
- --storage={{ .Values.postgres.storage }}
{{- with .Values.postgres.storageClass }}
- --storage-class={{ . }}
{{- end }}
- --run-as-user={{ int64 .Values.postgres.runAsUser }}
- --login-timeout-seconds={{ .Values.postgres.loginTimeoutSeconds }}
{{- range .Values.servers.secrets }}
- --allowed-server-secret={{ . }}
{{- end }}
- --servers-timeout-seconds={{ int64 .Values.servers.timeoutSeconds }}
{{- end }}
