{{- define "llamagate.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "llamagate.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "llamagate.labels" -}}
{{ include "llamagate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- end }}

{{- define "llamagate.image" -}}
{{- if .Values.image.digest }}{{ printf "%s@%s" .Values.image.repository .Values.image.digest | quote }}
{{- else }}{{ printf "%s:%s" .Values.image.repository .Values.image.tag | quote }}{{ end }}
{{- end }}

{{- define "llamagate.env" -}}
- {name: HOME, value: /var/lib/llamagate}
- {name: LLAMAGATE_HOME, value: /var/lib/llamagate/.llamagate}
{{- end }}

{{- define "llamagate.secured" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "llamagate.mounts" -}}
- {name: home, mountPath: /var/lib/llamagate/.llamagate}
- {name: tmp, mountPath: /tmp}
{{- if not .Values.repository.url }}
- {name: desired, mountPath: /etc/llamagate, readOnly: true}
{{- end }}
{{- if .Values.secrets }}
- {name: secrets, mountPath: /etc/llamagate-secrets, readOnly: true}
{{- end }}
{{- end }}
