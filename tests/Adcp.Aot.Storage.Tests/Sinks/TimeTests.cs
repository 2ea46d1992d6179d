namespace Adcp.Aot.Storage.Tests.Sinks;

public sealed class TimeTests : TimeContract;
