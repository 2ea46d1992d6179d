using Adcp.Aot.Storage;
using ReceiverApp;
using Microsoft.Data.Sqlite;

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
builder.Services.AddAdcpWebhookReceiver<Inbox>()
    .BindConfiguration("AdcpReceiver")
    .UseDatabase(open: (_, file) => SqliteDataSource.Create(SqliteFactory.Instance, file));

WebApplication app = builder.Build();
app.MapAdcpWebhookReceiver("/adcp/webhooks");
app.Run();
