using Adcp.Aot.Receiving;
using Adcp.Aot.Verification;

namespace Adcp.Aot.Hosting;

/// <summary>
/// The settings of an endpoint that receives webhooks, as they are in a configuration file. Mutable, read once when the host starts. A
/// member that is <see langword="null"/> has the default of the option that it stands for.
/// </summary>
public sealed class AdcpReceiverSettings
{
    /// <summary>
    /// Gets or sets the AdCP version that senders speak. Default <see cref="AdcpVersion.V32"/>. In a file it is <c>3.0</c>, <c>3.1</c> or
    /// <c>3.2</c>.
    /// </summary>
    public AdcpVersion? Version { get; set; }

    /// <summary>
    /// Gets or sets the url of the sender's keys, such as <c>https://seller.example/.well-known/jwks.json</c>. This,
    /// <see cref="Domain"/> or <see cref="BrandJson"/> is required, unless the application gives a verifier in code.
    /// </summary>
    public string? JwksUri { get; set; }

    /// <summary>Gets or sets the sender that the keys of <see cref="JwksUri"/> belong to. Default: the origin of that url.</summary>
    public string? SenderName { get; set; }

    /// <summary>
    /// Gets or sets the domain of the sender's operator, such as <c>seller.example</c>, at which its <c>brand.json</c> is. The document
    /// names its keys. Needs <see cref="AgentUrl"/>.
    /// </summary>
    public string? Domain { get; set; }

    /// <summary>
    /// Gets or sets the url of the sender's <c>brand.json</c>, if the sender names one, as in <c>identity.brand_json_url</c>. It is read
    /// without redirects. Needs <see cref="AgentUrl"/>.
    /// </summary>
    public string? BrandJson { get; set; }

    /// <summary>Gets or sets the url of the sender's agent in its <c>brand.json</c>.</summary>
    public string? AgentUrl { get; set; }

    /// <summary>Gets or sets <see cref="RemoteKeySourceOptions.MaxBrandJsonBytes"/>.</summary>
    public int? MaxBrandJsonBytes { get; set; }

    /// <summary>Gets or sets <see cref="RemoteKeySourceOptions.KeyOrigin"/>.</summary>
    public string? KeyOrigin { get; set; }

    /// <summary>
    /// Gets or sets the path of a publisher's <c>adagents.json</c>, which pins the keys of the sender (<see cref="PublisherPins"/>): only
    /// keys that the sender publishes and the publisher pins are accepted. Needs <see cref="AgentUrl"/>. A relative path begins at the
    /// content root. A file that changes is read again, so a job of yours can keep it fresh. One that cannot be used is logged, and the
    /// earlier pins stay. Default <see langword="null"/>, no pins.
    /// </summary>
    public string? AdAgentsFile { get; set; }

    /// <summary>Gets or sets whether keys may be read over plain http. For development.</summary>
    public bool AllowHttp { get; set; }

    /// <summary>Gets or sets whether keys may be read from loopback and private networks. For development.</summary>
    public bool AllowPrivateNetworks { get; set; }

    /// <summary>Gets <see cref="WebhookReceiverOptions.PublicOrigins"/>. Required, unless <see cref="TrustHostHeader"/> is set.</summary>
    public IList<string> PublicOrigins { get; } = [];

    /// <summary>Gets or sets <see cref="WebhookReceiverOptions.TrustHostHeader"/>. For development.</summary>
    public bool TrustHostHeader { get; set; }

    /// <summary>Gets or sets <see cref="WebhookReceiverOptions.Token"/>, a secret.</summary>
    public string? Token { get; set; }

    /// <summary>Gets or sets <see cref="WebhookReceiverOptions.AcceptsOtherPayloads"/>.</summary>
    public bool AcceptsOtherPayloads { get; set; }

    /// <summary>Gets or sets <see cref="WebhookReceiverOptions.RetryHorizon"/>.</summary>
    public TimeSpan? RetryHorizon { get; set; }

    /// <summary>Gets or sets <see cref="WebhookReceiverOptions.Lease"/>.</summary>
    public TimeSpan? Lease { get; set; }

    /// <summary>Gets or sets <see cref="WebhookReceiverOptions.ReadTimeout"/>.</summary>
    public TimeSpan? ReadTimeout { get; set; }

    /// <summary>Gets or sets <see cref="WebhookReceiverOptions.HandlerTimeout"/>.</summary>
    public TimeSpan? HandlerTimeout { get; set; }

    /// <summary>Gets or sets <see cref="WebhookReceiverOptions.MaxConcurrentWebhooks"/>.</summary>
    public int? MaxConcurrentWebhooks { get; set; }

    /// <summary>Gets or sets <see cref="WebhookReceiverOptions.MaxBufferedBytes"/>.</summary>
    public long? MaxBufferedBytes { get; set; }

    /// <summary>
    /// Gets the database of claims and nonces. If the receiver has none, it needs a store in code, or
    /// <see cref="KeepsClaimsInMemory"/>.
    /// </summary>
    public DatabaseSettings Database { get; } = new();

    /// <summary>
    /// Gets or sets whether claims are kept in memory, so that a webhook may be processed twice after a restart. For development.
    /// </summary>
    public bool KeepsClaimsInMemory { get; set; }

    /// <summary>Gets the sections that were bound, and the faults that were found in them.</summary>
    internal BoundSections Bound { get; } = new();

    /// <summary>Gets the lists, each with its path and the action that empties it.</summary>
    internal IEnumerable<(string Path, Action Clear)> Lists => [(nameof(PublicOrigins), PublicOrigins.Clear)];
}
