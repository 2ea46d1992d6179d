using Adcp.Aot.Benchmarks;
using Adcp.Aot.Benchmarks.Gates;
using Adcp.Aot.Benchmarks.Loopback;
using BenchmarkDotNet.Running;

if (args is ["gates", .. string[] options])
{
    return GatesCommand.Run(options);
}

if (args is ["measure", string group])
{
    return GatesCommand.Measure(group);
}

if (args is ["sinks", .. string[] sinkOptions])
{
    return await SinkComparison.RunAsync(rounds: sinkOptions is [string given] ? int.Parse(given, System.Globalization.CultureInfo.InvariantCulture) : 40);
}

if (args is ["scale", .. string[] scaleOptions])
{
    return Scale.Run(scaleOptions.FirstOrDefault());
}

if (args is ["receiver"])
{
    return await Receiver.RunAsync();
}

if (args is ["profile"])
{
    await Profile.RunAsync();
    return 0;
}

if (args is ["spin", string road, string seconds])
{
    return Spin.Run(road, TimeSpan.FromSeconds(double.Parse(seconds, System.Globalization.CultureInfo.InvariantCulture)));
}

if (args is ["stores", .. string[] storeOptions])
{
    return await StoreComparison.RunAsync(storeOptions);
}

BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
return 0;
