{{/* The release's name, and in front of every object's. */}}
{{- define "name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* What an object of a process is found by: (dict "root" $ "process" "web"). */}}
{{- define "selector" -}}
app.kubernetes.io/name: whatsapp-microservice
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .process }}
{{- end -}}

{{- define "labels" -}}
{{ include "selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end -}}

{{- define "image" -}}
{{- $repository := required "image.repository: where the image was pushed, see README.md" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Seconds from SIGTERM to SIGKILL: what a process takes to drain, and for what it does afterwards. */}}
{{- define "grace" -}}
{{- add .Values.drain.capSeconds .Values.drain.marginSeconds -}}
{{- end -}}
