{{- define "score-orchestrator.args" -}}
{{- with .Values.configArtifact.credentialsSecret }}
- --config-artifact-credentials=/etc/score/registry-credentials/config.json
{{- end }}
{{- with .Values.configArtifact.ca }}
{{- if or .configMap .secret }}
- --config-artifact-ca=/etc/score/registry-ca/ca.crt
{{- end }}
{{- end }}
{{- end }}

{{- /* Takes the place of the library's template, which mounts nothing. */}}
{{- define "controller.volumeMounts" -}}
{{- with .Values.configArtifact.credentialsSecret }}
- name: registry-credentials
  mountPath: /etc/score/registry-credentials
  readOnly: true
{{- end }}
{{- with .Values.configArtifact.ca }}
{{- if or .configMap .secret }}
- name: registry-ca
  mountPath: /etc/score/registry-ca
  readOnly: true
{{- end }}
{{- end }}
{{- end }}

{{- /* Takes the place of the library's template, which has none. */}}
{{- define "controller.volumes" -}}
{{- with .Values.configArtifact.credentialsSecret }}
- name: registry-credentials
  secret:
    secretName: {{ . }}
    items:
      - key: .dockerconfigjson
        path: config.json
{{- end }}
{{- with .Values.configArtifact.ca }}
{{- if or .configMap .secret }}
- name: registry-ca
  {{- if .configMap }}
  configMap:
    name: {{ .configMap }}
  {{- else }}
  secret:
    secretName: {{ .secret }}
  {{- end }}
    items:
      - key: {{ .key }}
        path: ca.crt
{{- end }}
{{- end }}
{{- end }}
