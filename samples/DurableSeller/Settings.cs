using System.Globalization;

namespace DurableSeller;

/// <summary>The settings that the processes of a run share. They are in the environment, so that no secret is in a command line.</summary>
internal sealed record Settings(
    string Run, string Store, string SigningJwk, byte[] EncryptionKey, string[] Origins, int Deliveries, string? Accepted)
{
    private const string Prefix = "ADCP_DURABLE_";

    /// <summary>Shows no key.</summary>
    public override string ToString() => $"{nameof(Settings)} {Run}";

    /// <summary>Reads the settings that the coordinator gave to this process.</summary>
    public static Settings FromEnvironment() => new(
        Required("RUN"),
        Required("STORE"),
        Required("JWK"),
        Convert.FromHexString(Required("KEY")),
        Required("ORIGINS").Split(' '),
        int.Parse(Required("DELIVERIES"), CultureInfo.InvariantCulture),
        Environment.GetEnvironmentVariable(Prefix + "ACCEPTED"));

    /// <summary>Gives the settings to a process that is about to start.</summary>
    public void AddTo(IDictionary<string, string?> environment)
    {
        environment[Prefix + "RUN"] = Run;
        environment[Prefix + "STORE"] = Store;
        environment[Prefix + "JWK"] = SigningJwk;
        environment[Prefix + "KEY"] = Convert.ToHexString(EncryptionKey);
        environment[Prefix + "ORIGINS"] = string.Join(' ', Origins);
        environment[Prefix + "DELIVERIES"] = Deliveries.ToString(CultureInfo.InvariantCulture);
        environment[Prefix + "ACCEPTED"] = Accepted;
    }

    private static string Required(string name) => Environment.GetEnvironmentVariable(Prefix + name)
        ?? throw new InvalidOperationException($"{Prefix}{name} is missing: this role is started by the DurableSeller itself.");
}
