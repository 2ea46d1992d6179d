namespace Adcp.Aot.Storage;

/// <summary>
/// Adds a column to a generated store. A method of the class computes its value with every save: an advertiser's id, a
/// region, a due date.
/// </summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true, Inherited = false)]
public sealed class StoreColumnAttribute : Attribute
{
    /// <summary>Creates the attribute for a column and its method.</summary>
    /// <param name="name">The column.</param>
    /// <param name="member">
    /// A method of the class, static or not. It takes the saved object (the task or the <see cref="PushConfig"/>), or
    /// the <see cref="StoreScope"/> and then the object. It returns a string, a <see cref="short"/>, an
    /// <see cref="int"/>, a <see cref="long"/>, a <see cref="double"/>, a <see cref="decimal"/>, a <see cref="bool"/>,
    /// a <see cref="Guid"/>, a <see cref="DateTime"/> in UTC or a <see cref="DateTimeOffset"/>, or null.
    /// </param>
    public StoreColumnAttribute(string name, string member)
    {
        Name = name;
        Member = member;
    }

    /// <summary>The column.</summary>
    public string Name { get; }

    /// <summary>The method.</summary>
    public string Member { get; }

    /// <summary>The most characters of a text in the table that is created. Default 0, no bound.</summary>
    public int MaxLength { get; set; }
}
