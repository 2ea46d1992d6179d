namespace Adcp.Aot.Generators.Models;

/// <summary>The way to the value of a computed column.</summary>
/// <param name="Method">The generated method. It reports which column failed.</param>
/// <param name="Member">The method of the user's class, escaped if it is a keyword.</param>
/// <param name="IsStatic">True if <paramref name="Member"/> is static.</param>
internal sealed record Computation(string Method, string Member, bool IsStatic)
{
    /// <summary>Returns C# for the member, from code inside a nested class.</summary>
    public string Target(TypeModel type, string owner) => $"{(IsStatic ? type.FullName : owner)}.{Member}";
}
