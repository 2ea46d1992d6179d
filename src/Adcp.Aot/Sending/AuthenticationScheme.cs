namespace Adcp.Aot.Sending;

/// <summary>The scheme of a registration's <c>authentication</c>, both deprecated by AdCP.</summary>
public enum AuthenticationScheme
{
    /// <summary>Wire: <c>Bearer</c>.</summary>
    Bearer = 0,

    /// <summary>Wire: <c>HMAC-SHA256</c>.</summary>
    HmacSha256 = 1,
}
