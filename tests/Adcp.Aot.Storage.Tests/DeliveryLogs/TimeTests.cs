namespace Adcp.Aot.Storage.Tests.DeliveryLogs;

public sealed class TimeTests : TimeContract;
