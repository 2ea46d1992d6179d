using Adcp.Aot.Storage;
using SellerApp;
using Microsoft.Data.Sqlite;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
if (builder.Environment.IsDevelopment())
{
    DevelopmentKeys.CreateIfAbsent(builder.Environment.ContentRootPath);
}

OperatorToken.AddTo(builder);
builder.Services.AddOpenTelemetry() // add an exporter, such as that of OpenTelemetry.Exporter.OpenTelemetryProtocol
    .WithMetrics(metrics => metrics.AddAdcpInstrumentation())
    .WithTracing(tracing => tracing.AddAdcpInstrumentation());
builder.Services.AddAdcpWebhooks()
    .BindConfiguration("Adcp")
    .UseDatabase(open: (_, file) => SqliteDataSource.Create(SqliteFactory.Instance, file))
    .AddOutbox()
    .AddOperations()
    .AddHealthChecks();
builder.Services.AddAdcpSeller<Seller>().AddMcp();

WebApplication app = builder.Build();
app.MapHealthChecks("/health");
app.MapAdcpOperations(options => options.Policy = OperatorToken.Policy); // the operator page at /adcp
app.MapAdcpSeller(); // MCP, A2A, agent card, keys, brand.json
app.Run();
