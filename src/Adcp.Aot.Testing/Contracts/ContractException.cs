namespace Adcp.Aot.Testing;

/// <summary>An implementation breaks a rule of its contract. The message names the rule, the expectation and the value seen.</summary>
public sealed class ContractException : Exception
{
    /// <summary>Creates an exception.</summary>
    public ContractException()
    {
    }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">The rule, the expectation and the value seen.</param>
    public ContractException(string message)
        : base(message)
    {
    }

    /// <summary>Creates an exception with a message and a cause.</summary>
    /// <param name="message">The rule, the expectation and the value seen.</param>
    /// <param name="innerException">The cause.</param>
    public ContractException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
