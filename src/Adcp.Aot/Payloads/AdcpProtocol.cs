namespace Adcp.Aot;

/// <summary>AdCP's <c>adcp-protocol</c>.</summary>
public enum AdcpProtocol
{
    /// <summary><c>media-buy</c></summary>
    MediaBuy = 0,

    /// <summary><c>signals</c></summary>
    Signals = 1,

    /// <summary><c>governance</c></summary>
    Governance = 2,

    /// <summary><c>creative</c></summary>
    Creative = 3,

    /// <summary><c>brand</c></summary>
    Brand = 4,

    /// <summary><c>sponsored-intelligence</c></summary>
    SponsoredIntelligence = 5,

    /// <summary><c>measurement</c></summary>
    Measurement = 6,
}
