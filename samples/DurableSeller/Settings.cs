using System.Globalization;

namespace DurableSeller;

/// <summary>The settings that the processes of a run share. They are in the environment, so that no secret is in a command line.</summary>
internal sealed record Settings(
    string Run, string Store, string SigningJwk, byte[] EncryptionKey, string[] Origins, int Deliveries, string Accepted, int Producers)
{
    private const string Prefix = "ADCP_DURABLE_";

    /// <summary>Gets the number of the producer that this process is, from 0.</summary>
    public int Producer { get; init; }

    /// <summary>Gets the file of this producer. At the end the files of all producers are one.</summary>
    public string AcceptedPart => PartOf(Accepted, Producer);

    /// <summary>
    /// Gets the beginning of the tables' names. Each run has tables of its own, because webhooks of an earlier run that was killed still
    /// wait in a store, and the key that they are encrypted with is gone.
    /// </summary>
    public string TablePrefix => $"durable_{Run}_";

    /// <summary>Shows no key.</summary>
    public override string ToString() => $"{nameof(Settings)} {Run}";

    /// <summary>Returns the file of a producer.</summary>
    public static string PartOf(string accepted, int producer) =>
        string.Create(CultureInfo.InvariantCulture, $"{accepted}.{producer}");

    /// <summary>Reads the settings that the coordinator gave to this process.</summary>
    /// <exception cref="RunFault">A setting is missing.</exception>
    public static Settings FromEnvironment() => new(
        Required("RUN"),
        Required("STORE"),
        Required("JWK"),
        Convert.FromHexString(Required("KEY")),
        Required("ORIGINS").Split(' '),
        int.Parse(Required("DELIVERIES"), CultureInfo.InvariantCulture),
        Required("ACCEPTED"),
        int.Parse(Required("PRODUCERS"), CultureInfo.InvariantCulture))
    {
        Producer = int.Parse(Required("PRODUCER"), CultureInfo.InvariantCulture),
    };

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
        environment[Prefix + "PRODUCERS"] = Producers.ToString(CultureInfo.InvariantCulture);
        environment[Prefix + "PRODUCER"] = Producer.ToString(CultureInfo.InvariantCulture);
    }

    private static string Required(string name) => Environment.GetEnvironmentVariable(Prefix + name)
        ?? throw new RunFault($"{Prefix}{name} is missing: this role is started by the DurableSeller itself.") { IsUsage = true };
}
