package importer

// Format names what the input is.
type Format string

// The formats; the table says what each is.
const (
	SentryJSON  Format = "sentry-json"
	OTelJSON    Format = "otel-json"
	Text        Format = "text"
	FastJSON    Format = "fast-json"
	JetBrains   Format = "jetbrains"
	PairsCSV    Format = "pairs-csv"
	BugsnagJSON Format = "bugsnag-json"
	RollbarJSON Format = "rollbar-json"
	JSONLines   Format = "jsonl"
	Parquet     Format = "parquet"
)

var formats = []formatEntry{
	{format: SentryJSON, read: perValue(readSentry), help: "events of Sentry and its like, one to a file, line or array element"},
	{format: OTelJSON, read: perValue(readOTel), help: "OTLP/JSON logs and traces: exceptions in log records and span events"},
	{format: Text, read: readText, help: "stack traces as they are printed, one to a file"},
	{format: FastJSON, read: readFast, seeks: true, help: "research corpora: an array of bug reports with dup_id"},
	{format: JetBrains, read: readJetBrains, seeks: true, help: "a directory with reports/*.json and state.csv"},
	{format: PairsCSV, read: readPairsCSV, help: "labelled pairs of stack-trace texts, for a golden dataset"},
	{format: BugsnagJSON, read: perValue(readBugsnag), help: "Bugsnag's payloads or events"},
	{format: RollbarJSON, read: perValue(readRollbar), help: "Rollbar's items or their data"},
	{format: JSONLines, read: perValue(readJSONLines), own: true, help: "the columns of an export as JSON, an event to a line"},
	{format: Parquet, read: readParquet, seeks: true, help: "a Parquet file of flat columns, with a map of their names"},
}
